export function Logo() {
  return (
    <svg viewBox="0 0 32 32" className="size-6" aria-hidden>
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <path
        d="M19.5 7v11.2c0 3.9-2.1 6.1-5.7 6.1-2.2 0-3.9-.8-5-2.3l2.2-2.2c.7.9 1.5 1.4 2.6 1.4 1.6 0 2.5-1 2.5-3V7z"
        fill="white"
      />
      <circle cx="23.6" cy="22.6" r="1.9" fill="oklch(0.82 0.1 266)" />
    </svg>
  );
}
