import { Outlet, useParams } from "@tanstack/react-router";
import { useSyncExternalStore } from "react";
import { apiKey } from "./api/key";
import { PhoneBar, PhoneTop } from "./shell/phone";
import { SideBar } from "./shell/side-bar";
import { Later, later } from "./ui/later";

const KeyDialog = later(() => import("./api/key-dialog"), "KeyDialog");

/** The frame of every page: where one is, where one can go. A column on wide screens, a bar at the bottom of phones. */
export function Shell() {
  const { project } = useParams({ strict: false });
  const asking = useSyncExternalStore(apiKey.subscribe, () => apiKey.isWanted() || apiKey.isChanging());
  return (
    <div className="flex h-full flex-col md:flex-row">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-lg focus:bg-raised focus:p-2">
        Skip to content
      </a>
      <SideBar project={project} />
      <PhoneTop project={project} />
      <main id="main" tabIndex={0} className="flex min-h-0 min-w-0 grow flex-col overflow-y-auto bg-surface md:my-2 md:mr-2 md:rounded-xl md:border md:border-line md:shadow-card">
        <Outlet />
      </main>
      {project && <PhoneBar project={project} />}
      {asking && (
        <Later instead={null}>
          <KeyDialog />
        </Later>
      )}
    </div>
  );
}
