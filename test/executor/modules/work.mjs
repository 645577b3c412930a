/** Work for threads and processes. */
export function multiply({ list, by }) {
  return list.map((value) => value * by);
}

export function exit() {
  process.exit(7);
}

export function hang() {
  for (;;);
}

export function leak() {
  const kept = [];
  for (;;) kept.push({ place: kept.length });
}

export async function throwLater() {
  setTimeout(() => {
    throw new Error("nobody catches this");
  }, 10);
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

export function unserialisable() {
  return () => 1;
}

export function chatty(_inputs, context) {
  context.progress(0.5);
  context.log("half way");
}
