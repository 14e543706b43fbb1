/**
 * Which ended executions a lane still knows, though history has them.
 *
 * Owns what is to be forgotten, and who must be able to find it before. Does not own the ended executions.
 *
 * F1 From the moment history has it, a start of its id is looked up there; one that waits in the mailbox was not, and
 *    finds it here: it is forgotten when those have been taken.
 * F2 What ended under an id that is being looked up is not forgotten until that is over.
 */
export interface KnownEnds {
  /** History has it. */
  forgetLater(id: string): void;
  /** Whether nobody is told of it from here any more. */
  isForgotten(id: string): boolean;
  /** A start of that id comes once something was looked up. Yields what ends that. */
  expect(id: string): () => void;
}

/**
 * @param later runs something behind all that waits in the mailbox now
 * @param forget the execution is known here no more
 */
export function createKnownEnds(later: (run: () => void) => void, forget: (id: string) => void): KnownEnds {
  const forgotten = new Set<string>();
  /** Starts that are being looked up, each with how many times. */
  const expected = new Map<string, number>();
  let forgetting = false;

  function forgetSoon(): void {
    if (forgetting) return;
    forgetting = true;
    const ids = [...forgotten];
    later(() => {
      forgetting = false;
      for (const id of ids) {
        if (expected.has(id)) continue;
        forgotten.delete(id);
        forget(id);
      }
      if ([...forgotten].some((id) => !expected.has(id))) forgetSoon();
    });
  }

  return {
    forgetLater(id) {
      forgotten.add(id);
      forgetSoon();
    },
    isForgotten: (id) => forgotten.has(id),
    expect(id) {
      expected.set(id, (expected.get(id) ?? 0) + 1);
      return () => {
        const left = (expected.get(id) ?? 1) - 1;
        if (left > 0) expected.set(id, left);
        else expected.delete(id);
        if (left === 0 && forgotten.has(id)) forgetSoon();
      };
    },
  };
}
