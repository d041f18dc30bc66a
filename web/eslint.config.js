import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/api/schema.d.ts", "src/stream/dist"] },
  ...tseslint.configs.recommended,
  {
    files: ["**/*.tsx"],
    plugins: { "react-hooks": hooks, "jsx-a11y": a11y },
    rules: {
      ...a11y.flatConfigs.recommended.rules,
      // What scrolls has to be reachable for the keyboard: the page itself, and regions in it. A separator that can be moved is a control.
      "jsx-a11y/no-noninteractive-tabindex": ["error", { tags: ["main"], roles: ["region", "tabpanel", "separator"], allowExpressionValues: true }],
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
    },
  },
  {
    files: ["src/stream/**"],
    rules: { "no-restricted-imports": ["error", { patterns: [{ group: ["../*", "react", "react-dom"], message: "The stream package stands alone." }] }] },
  },
  { rules: { "max-lines": ["error", 250] } },
);
