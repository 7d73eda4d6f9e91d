import { type OutboundRules, parseOutboundUrl } from '../outbound/url.js';

/**
 * Checks the URL of a webhook; see {@link parseOutboundUrl}.
 *
 * @returns it as it is written by the rules of URLs
 * @throws Problem VALIDATION_FAILED (400) that names `url`
 */
export function webhookUrl(text: string, rules: OutboundRules): string {
  return parseOutboundUrl(text, rules, 'url').href;
}
