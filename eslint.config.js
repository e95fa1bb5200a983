// Templates of components only: every other file, and the scripts of components, are oxlint's and the
// compiler's (a parser of TypeScript for ESLint would be a second, slower reading of the same code).
import vue from 'eslint-plugin-vue'

export default [
  ...vue.configs['flat/essential'],
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: false } },
    rules: {
      'vue/no-v-html': 'error',
      'vue/no-template-shadow': 'error',
      'vue/attributes-order': 'error',
      'vue/this-in-template': 'error',
      'vue/no-useless-v-bind': 'error',
      'vue/no-static-inline-styles': 'error',
      'vue/html-button-has-type': 'error',
      'vue/no-duplicate-attr-inheritance': 'error',
      'vue/multi-word-component-names': 'off',
    },
  },
]
