/**
 * Answers of one stream, collected until the end of the event loop's turn and sent in messages that the other
 * side accepts.
 */

/** Text of one message, in characters; a single longer answer goes alone. gRPC's limit is 4 MiB of UTF-8. */
export const ANSWER_CHARACTERS_MAX = 1024 * 1024;
/** Answers of one message. */
export const ANSWERS_MAX = 4_096;

export interface AnswerBatch<T> {
  /** @param characters about how long the answer is. */
  add(answer: T, characters: number): void;
}

export function createAnswerBatch<T>(send: (answers: T[]) => void): AnswerBatch<T> {
  let answers: T[] = [];
  let length = 0;
  let flushing = false;
  function flush(): void {
    flushing = false;
    if (answers.length === 0) return;
    const batch = answers;
    answers = [];
    length = 0;
    send(batch);
  }
  return {
    add(answer, characters) {
      if (answers.length >= ANSWERS_MAX || (answers.length > 0 && length + characters > ANSWER_CHARACTERS_MAX)) flush();
      answers.push(answer);
      length += characters;
      if (flushing) return;
      flushing = true;
      queueMicrotask(flush);
    },
  };
}
