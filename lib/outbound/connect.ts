import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import { Problem } from '../errors.js';
import { isPublicAddress } from './address.js';
import type { Resolve } from './resolver.js';
import type { OutboundRules } from './url.js';

/**
 * How connections are made: to the addresses that were checked and no others. The name is looked up here,
 * once a connection, and what the check saw is what the socket gets: a name that answers differently the
 * next time gains nothing.
 *
 * @param timeoutMs longest a connection may take, TLS included
 */
export function guardedConnector(
  rules: OutboundRules,
  resolve: Resolve,
  timeoutMs: number,
): buildConnector.connector {
  const isAllowed = (address: string): boolean => rules.allowPrivateHosts || isPublicAddress(address);
  const lookup: LookupFunction = (hostname, options, callback) => {
    find(hostname, resolve, isAllowed).then(
      (found) => {
        const [first] = found;
        if (options.all || !first) callback(null, found);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, []),
    );
  };
  const connect = buildConnector({ lookup, timeout: timeoutMs });
  return (options, callback) => {
    // A literal address is never looked up.
    if (isIP(options.hostname) !== 0 && !isAllowed(options.hostname)) callback(notAllowed(), null);
    else connect(options, callback);
  };
}

/** One address that is not allowed refuses the name: which one a socket takes is a matter of luck. */
async function find(hostname: string, resolve: Resolve, isAllowed: (address: string) => boolean) {
  const found = [...(await resolve(hostname))];
  if (found.length === 0) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' });
  if (!found.every(({ address }) => isAllowed(address))) throw notAllowed();
  return found;
}

function notAllowed(): Problem {
  return new Problem('ADDRESS_NOT_ALLOWED', 'The host of the URL leads to an address that is not public.');
}
