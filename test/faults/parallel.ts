/** Does something `count` times, by so many clients at a time. */
export async function inParallel(
  count: number,
  clients: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, clients) }, client));
}
