import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

// RFC 4291, 2.4 and IANA's registry: all that is given out as global unicast lies in 2000::/3.
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');
const GLOBAL_UNICAST_BITS = 3;
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16: in a public range, and
// answered by the host of every virtual machine of Azure, with what is meant for that machine alone.
const OF_THE_PLATFORM: readonly string[] = ['168.63.129.16'];

/**
 * Whether an IP address is one of the public internet: unicast, given out, and not a way to carry another
 * address. Refused are loopback, private, link-local, shared (CGNAT), multicast, unspecified, reserved and
 * documentation ranges, IPv6 that holds an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64), and what a
 * cloud keeps for its machines in a public range.
 *
 * @param text as a resolver or a socket gives it; what is no address is not public
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export function isPublicAddress(text: string): boolean {
  if (isIP(text) === 0) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast' || OF_THE_PLATFORM.includes(address.toString())) return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST, GLOBAL_UNICAST_BITS);
}
