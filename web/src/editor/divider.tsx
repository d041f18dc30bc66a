import { type KeyboardEvent, type PointerEvent, useCallback, useState } from "react";

const NARROWEST = 280;
const STEP = 24;
/** The rest of the page keeps as much. */
const REST = 560;

/** As wide as it may be in a window, for the canvas beside it. */
export function fitting(width: number, room: number): number {
  return Math.round(Math.max(NARROWEST, Math.min(width, room - REST)));
}

/** A width that this browser remembers. */
export function useWidth(slot: string, usual: number): { width: number; resize: (width: number | null) => void } {
  const [said, say] = useState<ReadonlyMap<string, number>>(new Map());
  const kept = Number(localStorage.getItem(slot) ?? Number.NaN);
  const width = said.get(slot) ?? (Number.isFinite(kept) && kept >= NARROWEST ? kept : usual);
  const resize = useCallback(
    (next: number | null) => {
      say((before) => new Map(before).set(slot, next ?? usual));
      if (next === null) localStorage.removeItem(slot);
      else localStorage.setItem(slot, String(next));
    },
    [slot, usual],
  );
  return { width, resize };
}

interface Props {
  width: number;
  /** Null for the usual width. */
  onResize: (width: number | null) => void;
  /** Shows a width while it is being chosen. */
  onTry: (width: number) => void;
}

/** The line between the canvas and what is beside it, to be drawn to either side. */
export function Divider({ width, onResize, onTry }: Props) {
  const [drag, setDrag] = useState<{ x: number; width: number } | null>(null);
  const room = document.documentElement.clientWidth;
  const at = (event: PointerEvent) => fitting((drag?.width ?? width) + (drag?.x ?? event.clientX) - event.clientX, room);
  const press = (event: KeyboardEvent) => {
    const next = { ArrowLeft: width + STEP, ArrowRight: width - STEP, Home: room, End: NARROWEST, Enter: null }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    onResize(next === null ? null : fitting(next, room));
  };
  return (
    // A separator that can be moved is a control, and takes the keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      role="separator"
      aria-label="Width of the panel"
      aria-orientation="vertical"
      aria-valuenow={width}
      aria-valuemin={NARROWEST}
      aria-valuemax={fitting(room, room)}
      tabIndex={0}
      title="Drag to resize; double-click for the usual width"
      data-dragged={drag !== null || undefined}
      className="divider max-md:hidden"
      onKeyDown={press}
      onDoubleClick={() => onResize(null)}
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.focus();
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ x: event.clientX, width });
      }}
      onPointerMove={(event) => drag && onTry(at(event))}
      onPointerUp={(event) => {
        if (drag && at(event) !== drag.width) onResize(at(event));
        setDrag(null);
      }}
      onPointerCancel={() => {
        onTry(width);
        setDrag(null);
      }}
    />
  );
}
