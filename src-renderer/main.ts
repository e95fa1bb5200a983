import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { messagesInTemplates } from './stores/locale.ts'
import './styles/tokens.css'
import './styles/base.css'

createApp(App).use(createPinia()).use(messagesInTemplates).mount('#app')
