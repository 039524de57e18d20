// @ts-check
// Bundles js/src into the one file that the Python package carries: `npm run build [-- FILE]`.

import { readFile } from "node:fs/promises";

import { build } from "esbuild";

const licence = await readFile(new URL("node_modules/lossless-json/LICENSE.md", import.meta.url), "utf8");

await build({
  entryPoints: [new URL("src/index.js", import.meta.url).pathname],
  outfile: process.argv[2] ?? new URL("../pdnb/static/pdnb.js", import.meta.url).pathname,
  bundle: true,
  format: "esm",
  target: "es2023",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  banner: {
    js: "// Built from js/src; do not edit. `make js` builds it again (esbuild, js/build.js).\n"
      + `// In it is lossless-json, which reads JSON without rounding numbers:\n${licence.trim().replace(/^/gm, "// ").replace(/ +$/gm, "")}`,
  },
});
