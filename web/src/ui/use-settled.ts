import { useEffect, useState } from "react";

/** A text as it was when it had last rested for a while: what is asked for while somebody types. */
export function useSettled(text: string, pauseMs: number): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), pauseMs);
    return () => clearTimeout(timer);
  }, [text, pauseMs]);
  return settled;
}
