import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What is served compressed, compressed once: a sixth smaller than by gzip, which scripts/web.py adds for older clients. */
function packed(folder: string): Plugin {
  return {
    name: "packed",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(folder)) {
        if (/\.(js|css|svg)$/.test(name)) writeFileSync(`${folder}/${name}.br`, brotliCompressSync(readFileSync(`${folder}/${name}`)));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), tailwindcss(), packed(here("../src/journeyman/server/static/assets"))],
  resolve: { alias: { "@": here("./src") } },
  build: {
    outDir: here("../src/journeyman/server/static"),
    emptyOutDir: true,
    target: "es2022",
    // Nothing is put into the page itself: the content-security policy lets through files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rolldownOptions: { input: { index: here("./index.html"), diagram: here("./diagram.html"), player: here("./player.html") } },
  },
  server: {
    proxy: {
      "/api": { target: process.env["JOURNEYMAN_URL"] ?? "http://127.0.0.1:8700", changeOrigin: false },
    },
  },
  test: {
    environment: "jsdom",
    setupFiles: ["./src/test-setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});
