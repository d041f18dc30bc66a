const PATHS = {
  runs: "M4.5 3.2v9.6l8-4.8z",
  workflows: "M2.5 8h4M9.5 4H6.5v8h3M9.5 2.5h4v3h-4zM9.5 10.5h4v3h-4z",
  projects: "M2.5 5.2L8 2.4l5.5 2.8L8 8zM2.5 8L8 10.8 13.5 8M2.5 10.8L8 13.6l5.5-2.8",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  moon: "M13.4 9.6A5.8 5.8 0 0 1 6.4 2.6a5.8 5.8 0 1 0 7 7z",
  system: "M2.5 3.5h11v7h-11zM6 13.5h4M8 10.5v3",
  step: "M3.5 3.5v9M6.5 4l6 4-6 4z",
  through: "M2.5 4l5 4-5 4zM8.5 4l5 4-5 4z",
  parent: "M5.5 6.5L8.5 3.5l3 3M8.5 3.5v6.2a2.8 2.8 0 0 1-2.8 2.8H3.5",
  fork: "M5 2.8v10.4M5 9.5c0-3 6-1.5 6-5.2M9.2 5.6L11 3.4l1.8 2.2",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  check: "M3 8.5l3.2 3.2L13 4.8",
  chevron: "M6 3.5L10.5 8 6 12.5",
  down: "M3.5 6L8 10.5 12.5 6",
  loop: "M12.8 6.2A5.2 5.2 0 0 0 3.3 5.6M3.2 9.8a5.2 5.2 0 0 0 9.5.6M3.2 2.6v3h3M12.8 13.4v-3h-3",
  stop: "M4.5 4.5h7v7h-7z",
  retry: "M13.2 8.6A5.3 5.3 0 1 1 12 4.5M12.6 1.9v3.1H9.5",
  target: "M8 3.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 0 0 0-8.8zM8 1.5v3.3M8 11.2v3.3M1.5 8h3.3M11.2 8h3.3",
  fit: "M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  minus: "M3 8h10",
  question: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.5.3-.8.6-.8 1.2M8 11.2v.1",
  compare: "M2.5 3.5h4v9h-4zM9.5 3.5h4v9h-4M8 1.8v12.4",
  timeline: "M2.5 4h6M5 8h6.5M9 12h4.5",
  key: "M9.8 6.2a3.3 3.3 0 1 0-2 3L9 10.5h1.5V12H12v1.5h1.8v-2.3L9.7 7.3",
  undo: "M6 3.5L3 6.5l3 3M3.2 6.5h6.3a3.5 3.5 0 0 1 0 7H7",
  redo: "M10 3.5l3 3-3 3M12.8 6.5H6.5a3.5 3.5 0 0 0 0 7H9",
  keyboard: "M1.8 4h12.4v8H1.8zM4.5 6.7v.1M7 6.7v.1M9.5 6.7v.1M12 6.7v.1M5 9.5h6",
  terminal: "M3 4.5L6.5 8 3 11.5M8 12h5",
  save: "M8 2.5v7.2M4.8 6.8L8 10l3.2-3.2M2.8 13.2h10.4",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zM10.2 10.2l3.3 3.3",
  inbox: "M2.5 9.2h3l1 1.8h3l1-1.8h3M2.5 9.2L4.4 3.4h7.2l1.9 5.8v3.6h-11z",
  blocks: "M2.8 2.8h4.4v4.4H2.8zM8.8 8.8h4.4v4.4H8.8zM2.8 8.8h4.4v4.4H2.8zM11 2.6v4.8M8.6 5h4.8",
  workers: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5v.1M5 11v.1M8 5h3M8 11h3",
  settings: "M2.5 4.8h6M11.5 4.8h2M2.5 11.2h2M7.5 11.2h6M10 3.3v3M6 9.7v3",
  more: "M3.2 8h.6M7.7 8h.6M12.2 8h.6",
  edit: "M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3zM9.2 4.5l2.3 2.3",
  trash: "M3 4.5h10M6.2 4.5V2.8h3.6v1.7M4.3 4.5l.6 8.7h6.2l.6-8.7M6.8 7v3.8M9.2 7v3.8",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  clock: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 4.9V8l2.1 1.4",
  hook: "M8 9.5V5.2a2 2 0 1 0-2-2M8 9.5a2.2 2.2 0 1 1-3.2-2M8 13.5h3.5a2 2 0 1 0-1.6-3.2",
  bolt: "M9 1.8L3.5 9H7.6L7 14.2 12.5 7H8.4z",
  send: "M13.5 2.5L2.5 7l4.3 2.2L9 13.5zM6.8 9.2l3-3",
  lock: "M4 7.2h8v6H4zM5.6 7.2V5a2.4 2.4 0 0 1 4.8 0v2.2",
  versions: "M4.5 5.5h9v8h-9zM2.5 10.5v-8h9",
  warning: "M8 2.2L14.4 13.3H1.6zM8 6.3v3.2M8 11.4v.1",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16, className = "" }: { name: IconName; size?: number; className?: string }) {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} className={`shrink-0 ${className}`} aria-hidden>
      <path d={PATHS[name]} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

export function Logo({ size = 26 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden className="shrink-0">
      <rect width="32" height="32" rx="8" fill="#4a47c9" />
      <path d="M9.5 16 21.5 8.5M9.5 16l12 7.5" stroke="#fff" strokeOpacity=".72" strokeWidth="2.4" strokeLinecap="round" />
      <circle cx="9.5" cy="16" r="4.1" fill="#fff" />
      <circle cx="22" cy="8.6" r="3.3" fill="#fff" />
      <circle cx="22" cy="23.4" r="2.3" fill="#4a47c9" stroke="#fff" strokeWidth="2" />
    </svg>
  );
}
