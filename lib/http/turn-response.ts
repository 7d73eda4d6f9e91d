import { type IncomingMessage, ServerResponse } from 'node:http';

/**
 * An answer that can wait until the requests which came in the same turn of the event loop are handled, and then goes
 * out with theirs. Sent one by one each of them may wake a client that sleeps, and where an answer takes
 * microseconds that shows.
 */
export class TurnResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  static #turn: TurnResponse[] = [];
  #isHeld = false;
  #ending: readonly unknown[] = [];

  /** Has what ends the answer wait for the end of the turn. Call it before anything is sent. */
  hold(): void {
    this.#isHeld = true;
  }

  override end(...ending: readonly unknown[]): this {
    if (!this.#isHeld) {
      Reflect.apply(super.end, this, ending);
      return this;
    }
    this.#ending = ending;
    if (TurnResponse.#turn.push(this) === 1) setImmediate(TurnResponse.#endAll);
    return this;
  }

  static #endAll(): void {
    const turn = TurnResponse.#turn;
    TurnResponse.#turn = [];
    for (const response of turn) {
      response.#isHeld = false;
      response.end(...response.#ending);
    }
  }
}
