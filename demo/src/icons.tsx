/** Drawn on 16 × 16; always beside a word, so hidden from who listens. */
const paths = {
  pushed: 'M8 2v9M4 7.5 8 11.5l4-4M3 14h10',
  polled: 'M13.5 8A5.5 5.5 0 1 1 11.6 3.8M12 1v3.2H8.8',
  repeated: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM4.2 4.2l7.6 7.6',
  note: 'M3.5 8h9',
  acknowledged: 'M3 8.5 6.5 12 13 4.5',
  failed: 'M4 4l8 8M12 4l-8 8',
  waiting: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM8 5v3.2l2 1.4',
  sun: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9 13 13M13 3l-1.1 1.1M4.1 11.9 3 13',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5Z',
  cut: 'M2 8h3.5M10.5 8H14M6.5 4.5l3 7M9.5 4.5l-3 7',
  slow: 'M2 11.5a6 6 0 1 1 12 0M8 11.5 5.5 7.5',
  freeze: 'M8 1.5v13M2.4 4.8l11.2 6.4M13.6 4.8 2.4 11.2',
  expire: 'M5.5 5.2a3 3 0 1 1-2.1 5.1 3 3 0 0 1 2.1-5.1ZM7.6 7.2 13.5 2M11 4.2l1.8 2',
  stumble: 'M8 2.2 14.5 13.5h-13ZM8 6.5v3.2M8 11.7v.1',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
