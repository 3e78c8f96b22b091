import js from "@eslint/js";
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** Pages know the rooms below them, never each other; ui knows nothing of the API. */
const rooms = (files, patterns) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns }] },
});

export default tseslint.config(
  { ignores: ["node_modules", "src/api/schema.ts", "public"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  hooks.configs.flat.recommended,
  a11y.flatConfigs.recommended,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      eqeqeq: "error",
    },
  },
  // As many lines as the service has sentences.
  { files: ["src/i18n/en/said.ts"], rules: { "max-lines": "off" } },
  { files: ["**/*.js"], ...tseslint.configs.disableTypeChecked },
  rooms(["src/ui/**"], [{ group: ["@/pages/*", "@/api/*", "@/live/*", "@/shell/*"], message: "ui is below these." }]),
  rooms(["src/live/**", "src/api/**"], [{ group: ["@/pages/*", "@/ui/*", "@/shell/*"], message: "These show things." }]),
  rooms(["src/pages/home/**"], [{ group: ["@/pages/!(home)/**"], message: "Pages do not know each other." }]),
  rooms(["src/pages/task/**"], [{ group: ["@/pages/!(task)/**"], message: "Pages do not know each other." }]),
);
