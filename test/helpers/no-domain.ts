/**
 * Stands in for `async-hook-domain` where tests are bundled. tap asks it which test an error is of that nobody caught,
 * and for that it follows each promise and each handle of the process by async hooks, which costs a test that awaits
 * much more than half of its time. Without it such an error ends the file's process, as Node does, and fails the file.
 */
export class Domain {
  readonly onerror: (error: unknown, type: string) => void;

  constructor(onerror: (error: unknown, type: string) => void) {
    this.onerror = onerror;
  }

  /** Nothing was hooked. */
  destroy(): void {}
}
