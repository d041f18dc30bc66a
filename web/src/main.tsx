import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { createAppRouter } from "./router";
import "./styles.css";
import { theme } from "./ui/theme";

theme.start();

const worthRepeating = (error: unknown) => error instanceof ApiError && (error.status === 0 || error.status >= 500);

const client = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 2_000, retry: (fails, error) => fails < 2 && worthRepeating(error), networkMode: "always" },
    mutations: { networkMode: "always" },
  },
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={createAppRouter()} />
    </QueryClientProvider>
  </StrictMode>,
);
