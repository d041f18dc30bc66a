import { readFileSync } from "node:fs";
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

const target = process.env.GRAPHWRIGHT_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), tailwindcss(), licences()],
  server: { proxy: { "/api": { target, ws: true } } },
  build: { target: "es2022", sourcemap: false, chunkSizeWarningLimit: 2000 },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
} as Parameters<typeof defineConfig>[0]);
