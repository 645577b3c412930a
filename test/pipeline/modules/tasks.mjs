// Functions that the tests' pipelines name.
export const echo = (inputs) => inputs;
export const fail = ({ message = "no luck" }) => {
  throw new Error(message);
};
export const count = ({ previous }) => ({ n: (previous?.n ?? 0) + 1 });
export const item = ({ value, index }) => `${value}@${index}`;
export const notAFunction = 3;
