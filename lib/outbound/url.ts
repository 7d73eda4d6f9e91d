import { isIP } from 'node:net';
import { isPublicAddress } from './address.js';

/** Where requests of the service itself may go. */
export interface OutboundRules {
  /** Private and loopback addresses too, and any port: for development. */
  readonly allowPrivateHosts: boolean;
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
export function urlFault(url: URL, { allowPrivateHosts }: OutboundRules): string | undefined {
  const defaultPort = DEFAULT_PORTS[url.protocol];
  if (defaultPort === undefined) return `has the scheme ${url.protocol}//; it takes http:// or https://`;
  if (url.username !== '' || url.password !== '') return 'has credentials, which are not sent';
  if (allowPrivateHosts) return undefined;
  const port = url.port || defaultPort;
  if (!PUBLIC_PORTS.includes(port)) return `has the port ${port}; it takes ${PUBLIC_PORTS.join(' or ')}`;
  const host = hostOf(url);
  const isPublic = isIP(host) === 0 ? !LOCAL_NAMES.test(host) : isPublicAddress(host);
  return isPublic ? undefined : 'leads to an address that is not public';
}

/** The host of a URL without the brackets of IPv6. */
export function hostOf({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
