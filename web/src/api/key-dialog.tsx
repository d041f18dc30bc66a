import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState, useSyncExternalStore } from "react";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { apiKey } from "./key";

/** Opens by itself when the server has answered 401, and when somebody wants to use another key. */
export function KeyDialog() {
  const wanted = useSyncExternalStore(apiKey.subscribe, apiKey.isWanted);
  const changing = useSyncExternalStore(apiKey.subscribe, apiKey.isChanging);
  const has = apiKey.get() !== null;
  const client = useQueryClient();
  const [value, setValue] = useState("");
  const renew = () => {
    setValue("");
    void client.resetQueries();
  };
  const save = (event: FormEvent) => {
    event.preventDefault();
    apiKey.set(value.trim());
    renew();
  };
  const forget = () => {
    apiKey.forget();
    renew();
  };
  const stays = "The key stays in this browser and is sent with every request.";
  return (
    <Dialog
      open={wanted || changing}
      {...(wanted ? {} : { onOpenChange: apiKey.change })}
      title={wanted ? "This server asks for an API key" : "Use another API key"}
      description={wanted && has ? `It does not take the one that you gave. ${stays}` : stays}
    >
      <form onSubmit={save} className="space-y-4">
        <Field label="API key" type="password" autoComplete="off" value={value} onChange={(event) => setValue(event.target.value)} required />
        <div className="flex justify-end gap-2">
          {has && !wanted && <Button onClick={forget}>Forget the key</Button>}
          <Button type="submit" kind="primary" disabled={value.trim() === ""}>
            Use this key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
