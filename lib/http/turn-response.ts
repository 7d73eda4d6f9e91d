import { type IncomingMessage, ServerResponse } from 'node:http';

/**
 * An answer that can wait until the requests which came in the same turn of the event loop are handled, and then goes
 * out with theirs. A client that sleeps is woken once for all of them and not for each: where an answer takes
 * microseconds, the waking is most of what sending it costs.
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
