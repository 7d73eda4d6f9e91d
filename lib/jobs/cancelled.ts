/** A job was cancelled while it was in hand: what it began is undone, and its row is ended as cancelled. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';

  constructor() {
    super('the job was cancelled');
  }
}
