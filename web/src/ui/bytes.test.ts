import { expect, it } from "vitest";
import { bytes } from "./bytes";

it("[ART-27] writes sizes as people read them", () => {
  const shown = [0, 1, 999, 1000, 1234, 99_949, 99_950, 999_499, 999_500, 64_000_000, 2.5e15].map(bytes);
  expect(shown).toEqual(["0 bytes", "1 byte", "999 bytes", "1 kB", "1.2 kB", "99.9 kB", "100 kB", "999 kB", "1 MB", "64 MB", "2500 TB"]);
});
