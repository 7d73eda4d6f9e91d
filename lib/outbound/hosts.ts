import { isIP } from 'node:net';

const BELOW = '*.';

/**
 * Reads a list of hosts, separated by commas: names, addresses, and `*.example.com` for every name below one.
 *
 * @returns each as the URL parser writes it, so that case, a trailing dot, international names and odd
 *   spellings of an address make no difference; undefined where one is no host
 */
export function parseHosts(text: string): readonly string[] | undefined {
  const hosts = text.split(',').map((each) => parseHost(each.trim()));
  return hosts.every((host) => host !== undefined) ? hosts : undefined;
}

/** Whether the host of a URL is in a list that {@link parseHosts} read. */
export function isAmongHosts(url: Pick<URL, 'hostname'>, hosts: readonly string[]): boolean {
  const host = withoutDot(url.hostname);
  return hosts.some((each) => (each.startsWith(BELOW) ? host.endsWith(each.slice(1)) : host === each));
}

/** The host of a URL without the brackets of IPv6. */
export function hostOf({ hostname }: Pick<URL, 'hostname'>): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function parseHost(text: string): string | undefined {
  const isBelow = text.startsWith(BELOW);
  const name = isBelow ? text.slice(BELOW.length) : text;
  // No port, path or user: they would be dropped, and the list would be wider than it looks.
  const isBare = /^(\[[\da-f:.]+\]|[^\s/\\?#@:[\]*]+)$/i.test(name);
  if (!isBare || !URL.canParse(`http://${name}/`)) return undefined;
  const url = new URL(`http://${name}/`);
  if (!isBelow) return withoutDot(url.hostname);
  return isIP(hostOf(url)) === 0 ? BELOW + withoutDot(url.hostname) : undefined;
}

/** `example.com.` is `example.com`: the dot is the root's. */
function withoutDot(hostname: string): string {
  return hostname.replace(/\.$/, '');
}
