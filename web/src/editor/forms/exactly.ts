import { createContext, useContext, useMemo } from "react";
import { numbersAt, type Numbers, parseExact, sameNumbers, wayTo, writeExact } from "../exact";
import { useForm } from "./scope";
import type { Path } from "./values";

/** Where in the document the value of a field stands; null for what has no one place. */
export const PlaceContext = createContext<Path | null>(null);

interface Exactly {
  /** The JSON of the value, with its numbers as they were written. */
  print: (value: unknown, indent?: number) => string;
  /** Throws SyntaxError for what is no JSON. */
  read: (text: string) => { value: unknown; numbers: Numbers };
  /** Whether the document has these numbers there already. */
  has: (numbers: Numbers) => boolean;
  /** Has the next change write its numbers so. */
  keep: (numbers: Numbers) => void;
}

/** Reads and writes the value of a field down to how its numbers are written. */
export function useExactly(): Exactly {
  const { doc, numbers, remember } = useForm();
  const path = useContext(PlaceContext);
  return useMemo(() => {
    if (path === null) return { print: (value, indent) => JSON.stringify(value, null, indent) ?? "null", read: (text) => parseExact(text), has: () => true, keep: () => undefined };
    const way = wayTo(doc, path);
    return {
      print: (value, indent) => (value === undefined ? "null" : writeExact(value, numbers, indent, way)),
      read: (text) => parseExact(text, way),
      has: (found) => sameNumbers(found, numbersAt(way, numbers)),
      keep: (found) => remember(way, found),
    };
  }, [doc, numbers, remember, path]);
}
