const UNITS = ["bytes", "kB", "MB", "GB", "TB"] as const;

/** A size as people read it, in steps of a thousand. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  // What would be rounded to a thousand belongs to the next unit.
  while (value >= (unit === 0 ? 1000 : 999.5) && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return unit === 0 && value === 1 ? "1 byte" : `${value.toFixed(digits).replace(/\.0$/, "")} ${UNITS[unit]}`;
}
