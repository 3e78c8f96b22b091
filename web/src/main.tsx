import "./app.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { useTranslation } from "react-i18next";

import { queries } from "./api/query";
import { startLanguages } from "./i18n";
import { router } from "./routes";
import { HintProvider } from "./ui/Hint";
import { Toasts } from "./ui/toast";

/** Shown anew as a whole when the language changes, numbers and times included. */
function App() {
  const { i18n } = useTranslation();
  return (
    <HintProvider key={i18n.language} delayDuration={350}>
      <RouterProvider router={router} />
      <Toasts />
    </HintProvider>
  );
}

const root = document.getElementById("root");
if (!root) throw new Error("the page has no root");
void startLanguages().then(() =>
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  ),
);
