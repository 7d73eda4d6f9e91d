import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

// RFC 4291, 2.4 and IANA's registry: all that is given out as global unicast lies in 2000::/3.
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');
const GLOBAL_UNICAST_BITS = 3;

/**
 * Whether an IP address is one of the public internet: unicast, given out, and not a way to carry another
 * address. Refused are loopback, private, link-local, shared (CGNAT), multicast, unspecified, reserved and
 * documentation ranges, and IPv6 that holds an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64).
 *
 * @param text as a resolver or a socket gives it; what is no address is not public
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export function isPublicAddress(text: string): boolean {
  if (isIP(text) === 0) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST, GLOBAL_UNICAST_BITS);
}
