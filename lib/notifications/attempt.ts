/** How an attempt to deliver went. */
export interface Attempt {
  /**
   * `arrived`: done. `failed`: to be tried again. `refused`: it would be in vain. `gone`: and so would
   * everything else that is sent there.
   */
  readonly outcome: 'arrived' | 'failed' | 'refused' | 'gone';
  /** The receiver's HTTP status; null where none came, and for e-mail. */
  readonly status: number | null;
  /** Why it failed; null where it arrived. For the owner of the webhook to read. */
  readonly error: string | null;
  /** The beginning of the answer. */
  readonly response: string | null;
  /** What it says of the host: one that answers at all is up, whatever it answers short of a 5xx. */
  readonly host: 'up' | 'down';
}
