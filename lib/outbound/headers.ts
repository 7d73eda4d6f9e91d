/** Header fields of a request, by their names. */
export type Headers = Readonly<Record<string, string>>;

/** What is to be sent, and how far it goes. */
export interface SentHeaders {
  /** The URL that was asked for first. */
  readonly url: string;
  /** Sent to that URL's own origin only, not to one that it redirects to. */
  readonly headers?: Headers | undefined;
  /** Sent to this very URL and to no other, also where another one redirects to it. */
  readonly headersTo?: { readonly url: string; readonly headers: Headers } | undefined;
}

/** The headers for a URL on the way. Another scheme or port is another origin: a secret leaves TLS for no redirect. */
export function headersFor(target: URL, { url, headers, headersTo }: SentHeaders): Headers {
  return {
    ...(target.origin === new URL(url).origin && headers),
    ...(target.href === headersTo?.url && headersTo.headers),
  };
}
