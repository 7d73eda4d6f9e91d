import { ADDRCONFIG, promises as dns, type LookupAddress } from 'node:dns';

/** Finds every address of a host name. @throws where it has none */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

const DNS_TIMEOUT_MS = 2_000;
const DNS_TRIES = 2;

/**
 * Asks the name servers directly. The system's own look-up would hold a thread of libuv for as long as a
 * hostile name server likes, and the threads are those that decode images.
 */
export function publicResolver(): Resolve {
  const resolver = new dns.Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  return async (hostname) => {
    const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    if (four.status === 'rejected' && six.status === 'rejected') throw four.reason;
    return [...addresses(four, 4), ...addresses(six, 6)];
  };
}

function addresses(found: PromiseSettledResult<string[]>, family: number): LookupAddress[] {
  return found.status === 'fulfilled' ? found.value.map((address) => ({ address, family })) : [];
}

/** Asks the system, which also knows the hosts file and the names of a container network. */
export const systemResolver: Resolve = (hostname) => dns.lookup(hostname, { all: true, hints: ADDRCONFIG });
