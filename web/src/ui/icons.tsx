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
  key: "M9.8 6.2a3.3 3.3 0 1 0-2 3L9 10.5h1.5V12H12v1.5h1.8v-2.3L9.7 7.3",
  terminal: "M3 4.5L6.5 8 3 11.5M8 12h5",
  save: "M8 2.5v7.2M4.8 6.8L8 10l3.2-3.2M2.8 13.2h10.4",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zM10.2 10.2l3.3 3.3",
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
