import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vite';

const server = 'http://127.0.0.1:4000';

/** `vite build` makes `dist/page`, which the embedded server answers `/` with; `vite demo` beside `npm start` is for working on the page. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/',
  build: {
    outDir: fileURLToPath(new URL('../dist/page', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    // The page's Content-Security-Policy lets no code in from an address of its own, and preloading one chunk helps nobody.
    modulePreload: false,
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/graphql': { target: server, ws: true }, '/dev': server } },
});
