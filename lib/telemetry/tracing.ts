import {
  type Attributes,
  type Context,
  context,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';

/** What a span is called, of what kind it is, and what else it says. */
export interface SpanFacts {
  readonly name: string;
  /** Default: internal. */
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
}

export { SpanKind };

const TRACER = 'halftone';
// https://www.w3.org/TR/trace-context/#traceparent-header
const TRACEPARENT = /^[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})$/;

/**
 * Whether somebody has loaded an OpenTelemetry SDK into this process, with `--import`. We depend on the API
 * alone: without an SDK there are no spans, and next to nothing is paid for them.
 */
export function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(TRACER) !== undefined;
}

/** Whether a text is a W3C `traceparent`. */
export function isTraceparent(text: string): boolean {
  return TRACEPARENT.test(text);
}

/** The `traceparent` of the span that is under way; undefined where none is. */
export function activeTraceparent(): string | undefined {
  const span = trace.getActiveSpan()?.spanContext();
  if (span === undefined || !trace.isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
}

/**
 * Runs something as a span of the trace that is under way; where none is, it is only run.
 *
 * @param facts asked for only then
 */
export function inSpan<T>(facts: () => SpanFacts, run: () => PromiseLike<T>): PromiseLike<T> {
  return trace.getActiveSpan() === undefined ? run() : settled(startSpan(facts(), context.active()), run);
}

/**
 * Runs something as a span of a trace that began elsewhere, or as the first of a new one.
 *
 * @param traceparent W3C Trace Context of the span that it belongs to
 */
export function inSpanOf<T>(
  traceparent: string | null,
  facts: () => SpanFacts,
  run: () => PromiseLike<T>,
): PromiseLike<T> {
  return isTracing() ? settled(startSpan(facts(), remoteContext(traceparent)), run) : run();
}

/**
 * Records a span of the trace that is under way whose times somebody else took, such as a thread.
 *
 * @param startedAt milliseconds since the epoch
 */
export function recordSpan(facts: SpanFacts, startedAt: number, ms: number): void {
  if (trace.getActiveSpan() === undefined) return;
  tracer()
    .startSpan(facts.name, { ...facts, startTime: startedAt }, context.active())
    .end(startedAt + ms);
}

/** A span that its owner ends, and the context in which it is the one under way. */
export interface OpenSpan {
  readonly span: Span;
  readonly context: Context;
  /** Runs something in that context. */
  enter<T>(run: () => T): T;
}

/**
 * Opens the span of a request. Where the SDK's own instrumentation has one already, ours is a part of it;
 * else the headers say what it belongs to.
 */
export function openRequestSpan(facts: SpanFacts, headers: object): OpenSpan {
  const parent = trace.getActiveSpan() ? context.active() : propagation.extract(ROOT_CONTEXT, headers);
  const span = startSpan({ ...facts, kind: SpanKind.SERVER }, parent);
  const inside = trace.setSpan(parent, span);
  return { span, context: inside, enter: (run) => context.with(inside, run) };
}

/** Ends the span of a request; what the server failed at is an error. */
export function closeRequestSpan({ span }: OpenSpan, status: number): void {
  span.setAttribute('http.response.status_code', status);
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** Asked for each time: an SDK that is loaded later is heard too. */
function tracer(): Tracer {
  return trace.getTracer(TRACER);
}

function startSpan({ name, kind = SpanKind.INTERNAL, attributes = {} }: SpanFacts, parent: Context): Span {
  return tracer().startSpan(name, { kind, attributes }, parent);
}

async function settled<T>(span: Span, run: () => PromiseLike<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(context.active(), span), run);
  } catch (error) {
    span.recordException(error instanceof Error ? error : String(error));
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

function remoteContext(traceparent: string | null): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags ?? '', 16) & TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}
