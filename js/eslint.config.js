// @ts-check
// What the types do not see. Formatting is left to people.

import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2025, sourceType: "module", globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "complexity": ["error", 16],           // a function that needs more is two
      "eqeqeq": ["error", "always", { null: "ignore" }],
      "max-len": ["error", { code: 180, ignoreRegExpLiterals: true }],
      "max-lines": ["error", 300],
      "no-restricted-properties": [          // users' data becomes text nodes, never markup
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({ property })),
        { object: "document", property: "write" },
      ],
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-unused-vars": ["error", { varsIgnorePattern: "^_" }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "prefer-template": "off",
    },
  },
  { files: ["test/**", "*.js"], languageOptions: { globals: globals.node } },
];
