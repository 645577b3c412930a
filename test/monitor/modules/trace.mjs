export default (_inputs, { trace }) => trace;
