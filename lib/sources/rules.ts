import type { Config } from '../config.js';
import { invalidField } from '../errors.js';
import { type OutboundRules, parseOutboundUrl } from '../outbound/url.js';

/** Longest URL of a source, in characters. */
export const MAX_SOURCE_URL = 2_048;

/** Where images may be fetched from. */
export function sourceRules({
  allowPrivateHosts,
  allowedSourceHosts,
}: Pick<Config, 'allowPrivateHosts' | 'allowedSourceHosts'>): OutboundRules {
  return { allowPrivateHosts, allowedHosts: allowedSourceHosts };
}

/**
 * Reads the URL of an image to fetch, as far as it can be seen without asking.
 *
 * @returns it as it is written by the rules of URLs, without a fragment
 * @throws Problem VALIDATION_FAILED (400) that names `url`
 */
export function sourceUrl(text: string, rules: OutboundRules): string {
  if (text.length > MAX_SOURCE_URL)
    throw invalidField('url', `has ${text.length} characters; it takes at most ${MAX_SOURCE_URL}`);
  return withoutFragment(parseOutboundUrl(text, rules, 'url'));
}

/** A URL as it is asked for: its fragment is not sent, and makes no other source of it. */
export function withoutFragment(url: URL): string {
  const asked = new URL(url);
  asked.hash = '';
  return asked.href;
}

/** The name at the end of a URL's path, for an image that is given none. */
export function filenameInUrl(url: string): string | undefined {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || undefined;
  } catch {
    return last;
  }
}
