import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const SHIPPED_WITH_THEIR_LICENCE = [
  "elkjs",
  "@fontsource-variable/inter",
  "@fontsource-variable/jetbrains-mono",
  "@xyflow/react",
  "react",
];

/** Writes the licences of what the built app carries beside it. */
function licences(): Plugin {
  return {
    name: "licences",
    generateBundle() {
      const texts = SHIPPED_WITH_THEIR_LICENCE.map((name) => {
        const folder = `node_modules/${name}`;
        const file = ["LICENSE", "LICENSE.md"].map((leaf) => `${folder}/${leaf}`).find(readable);
        return `# ${name}\n\n${file ? readFileSync(file, "utf8").trim() : ""}\n`;
      });
      this.emitFile({ type: "asset", fileName: "licences.txt", source: texts.join("\n\n") });
    },
  };
}

function readable(file: string): boolean {
  try {
    return readFileSync(file).length > 0;
  } catch {
    return false;
  }
}

const PACKABLE = /\.(js|css|html|svg|txt)$/;
const LEAST_BYTES = 1_000;

/** Writes a compressed copy beside each file; the server gives that to browsers, which all take it. */
function compressed(): Plugin {
  return {
    name: "compressed",
    writeBundle({ dir }) {
      for (const file of readdirSync(dir!, { recursive: true, encoding: "utf8" }).filter((name) => PACKABLE.test(name))) {
        const content = readFileSync(join(dir!, file));
        if (content.length >= LEAST_BYTES) writeFileSync(join(dir!, `${file}.gz`), gzipSync(content, { level: 9 }));
      }
    },
  };
}

/** What every page needs comes in one file, not in thirty. */
const EVERYWHERE = /node_modules\/(react|react-dom|scheduler|use-sync-external-store|openapi-fetch|@tanstack\/(history|query-core|react-query|react-router|react-store|router-core|store))\/|src\/(ui\/(?!dialog|confirm|done|secret|field|form-end)|api\/(?!key-dialog|workflow))/;

const target = process.env.GRAPHWRIGHT_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), tailwindcss(), licences(), compressed()],
  server: { proxy: { "/api": { target, ws: true } } },
  build: {
    target: "es2022",
    sourcemap: false,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "everywhere", test: EVERYWHERE }] } } },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
} as Parameters<typeof defineConfig>[0]);
