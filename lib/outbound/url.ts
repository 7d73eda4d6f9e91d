import { isIP } from 'node:net';
import { invalidField } from '../errors.js';
import { isPublicAddress } from './address.js';
import { hostOf, isAmongHosts } from './hosts.js';

/** Where requests of the service itself may go. */
export interface OutboundRules {
  /** Private and loopback addresses too, and any port: for development. */
  readonly allowPrivateHosts: boolean;
  /** These hosts and no others, as `parseHosts` read them; undefined: every one. */
  readonly allowedHosts?: readonly string[] | undefined;
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };
const PUBLIC_PORTS = ['80', '443'];
// RFC 6761, RFC 6762, RFC 8375 and ICANN's reservation: names that never lead to the public internet.
const LOCAL_NAMES = /(^|\.)(localhost|local|internal|home\.arpa)\.?$/i;

/**
 * What speaks against asking this URL, as it can be seen without a look-up: the end of a sentence that
 * begins with the URL. Undefined: nothing. Where a name leads is checked when it is connected to.
 *
 * An address in octal, hexadecimal or as one number is no way around: the URL parser has written it out.
 */
export function urlFault(url: URL, { allowPrivateHosts, allowedHosts }: OutboundRules): string | undefined {
  const defaultPort = DEFAULT_PORTS[url.protocol];
  if (defaultPort === undefined) return `has the scheme ${url.protocol}//; it takes http:// or https://`;
  if (url.username !== '' || url.password !== '') return 'has credentials, which are not sent';
  if (allowedHosts && !isAmongHosts(url, allowedHosts)) return 'has a host that is not allowed here';
  if (allowPrivateHosts) return undefined;
  const port = url.port || defaultPort;
  if (!PUBLIC_PORTS.includes(port)) return `has the port ${port}; it takes ${PUBLIC_PORTS.join(' or ')}`;
  const host = hostOf(url);
  const isPublic = isIP(host) === 0 ? !LOCAL_NAMES.test(host) : isPublicAddress(host);
  return isPublic ? undefined : 'leads to an address that is not public';
}

/**
 * Reads the URL of a request as far as it can be seen; where its name leads is checked whenever it is
 * connected to.
 *
 * @param path where it stands in the request
 * @throws Problem VALIDATION_FAILED (400) that names the path
 */
export function parseOutboundUrl(text: string, rules: OutboundRules, path: string): URL {
  if (!URL.canParse(text)) throw invalidField(path, 'is not a URL; it takes one that begins with https://');
  const url = new URL(text);
  const fault = urlFault(url, rules);
  if (fault !== undefined) throw invalidField(path, fault);
  return url;
}
