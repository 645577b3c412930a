/** Work for the threads and processes of the load. */
export function sum({ values }) {
  return values.reduce((total, value) => total + value, 0);
}
