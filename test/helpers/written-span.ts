/** A span as the SDK of the tests writes it: see `tracing-sdk.ts`. */
export interface WrittenSpan {
  readonly name: string;
  readonly pid: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
}
