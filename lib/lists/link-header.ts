import type { Pagination } from './list.js';

/**
 * The `Link` header of a page (RFC 8288) with rel next, prev and first.
 *
 * @param url path and query of the request; the links keep its filters
 */
export function linkHeader(url: string, pagination: Pagination): string {
  const links: Record<string, string> = {};
  if ('page' in pagination) {
    links['first'] = withQuery(url, { page: '1' });
    if (pagination.page > 1) links['prev'] = withQuery(url, { page: String(pagination.page - 1) });
    if (pagination.page < pagination.pages)
      links['next'] = withQuery(url, { page: String(pagination.page + 1) });
  } else {
    links['first'] = withQuery(url, {});
    if (pagination.previousCursor) links['prev'] = withQuery(url, { before: pagination.previousCursor });
    if (pagination.nextCursor) links['next'] = withQuery(url, { after: pagination.nextCursor });
  }
  return Object.entries(links)
    .map(([rel, target]) => `<${target}>; rel="${rel}"`)
    .join(', ');
}

/** The URL with another place in the list. */
function withQuery(url: string, place: Record<string, string>): string {
  const [path = '', query = ''] = url.split('?', 2);
  const parameters = new URLSearchParams(query);
  for (const name of ['after', 'before', 'page']) parameters.delete(name);
  for (const [name, value] of Object.entries(place)) parameters.set(name, value);
  const text = parameters.toString();
  return text === '' ? path : `${path}?${text}`;
}
