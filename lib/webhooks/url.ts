import { invalidField } from '../errors.js';
import { type OutboundRules, urlFault } from '../outbound/url.js';

/**
 * Checks the URL of a webhook as far as it can be seen; where its name leads is checked whenever it is
 * connected to.
 *
 * @returns it as it is written by the rules of URLs
 * @throws Problem VALIDATION_FAILED (400) that names `url`
 */
export function webhookUrl(text: string, rules: OutboundRules): string {
  if (!URL.canParse(text)) throw invalidField('url', 'is not a URL; it takes one that begins with https://');
  const url = new URL(text);
  const fault = urlFault(url, rules);
  if (fault !== undefined) throw invalidField('url', fault);
  return url.href;
}
