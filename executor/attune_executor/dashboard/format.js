// Figures as people read them.

export const NOTHING = "–";

/** Seconds as the command line says them: 45s, 3m20s, 2h5m, 3d4h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  const whole = Math.max(0, Math.floor(seconds));
  for (const [unit, part, length, small] of [["d", "h", 86400, 3600], ["h", "m", 3600, 60], ["m", "s", 60, 1]]) {
    if (whole >= length) {
      const rest = Math.floor((whole % length) / small);
      return `${Math.floor(whole / length)}${unit}${rest ? `${rest}${part}` : ""}`;
    }
  }
  return `${whole}s`;
}

/** Run times: below ten seconds the tenths count. */
export function runTime(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  return seconds < 10 ? `${Math.round(seconds * 10) / 10}s` : duration(seconds);
}

const NUMBER = new Intl.NumberFormat("en-US");
export const number = (value) => (value === null || value === undefined ? NOTHING : NUMBER.format(value));

/** Seconds since 1970 of what the API says. */
export const unix = (moment) => (moment ? Date.parse(moment) / 1000 : null);

const two = (value) => String(value).padStart(2, "0");

/** Time of day of the reader's own clock. */
export function clock(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  const at = new Date(seconds * 1000);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The same, with the day where that is not today. */
export function moment(seconds, now) {
  if (seconds === null || seconds === undefined) return NOTHING;
  const at = new Date(seconds * 1000);
  if (at.toDateString() === new Date(now * 1000).toDateString()) return clock(seconds);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(seconds)}`;
}

export const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;
