const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = '\\d{2}:\\d{2}:\\d{2}';
const IMF_FIXDATE = new RegExp(`^${DAY}, \\d{2} ${MONTH} \\d{4} ${TIME} GMT$`);
const RFC_850 = new RegExp(`^[A-Z][a-z]{2,5}day, \\d{2}-${MONTH}-\\d{2} ${TIME} GMT$`);
const ASCTIME = new RegExp(`^${DAY} ${MONTH} [ \\d]\\d ${TIME} \\d{4}$`);

/**
 * Reads an HTTP-date in any of the three forms of RFC 9110 §5.6.7.
 *
 * `Date.parse` alone would take much that is no HTTP-date, and the asctime form for local time.
 *
 * @returns milliseconds since the epoch, or undefined for anything else
 */
export function parseHttpDate(text: string): number | undefined {
  const date = text.trim();
  if (IMF_FIXDATE.test(date) || RFC_850.test(date)) return valid(Date.parse(date));
  if (ASCTIME.test(date)) return valid(Date.parse(`${date} GMT`));
  return undefined;
}

function valid(time: number): number | undefined {
  return Number.isNaN(time) ? undefined : time;
}
