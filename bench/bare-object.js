// What our limit is measured against: the least that an object can do for an acquire and a release. It runs in the
// same workerd, behind a Worker of its own, and writes and deletes one row in two requests, as ours does.
import { DurableObject } from "cloudflare:workers";

export class BareObject extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS lease (id INTEGER PRIMARY KEY, holder TEXT NOT NULL)");
  }

  insert(holder) {
    return this.ctx.storage.sql.exec("INSERT INTO lease (holder) VALUES (?) RETURNING id", holder).one().id;
  }

  remove(id) {
    this.ctx.storage.sql.exec("DELETE FROM lease WHERE id = ?", id);
  }
}

// oxlint-disable-next-line import/no-default-export -- workerd finds a Worker by its default export
export default {
  async fetch(request, env) {
    const object = env.BARE.getByName("bare");
    const body = await request.json();
    if (new URL(request.url).pathname.endsWith("/insert"))
      return Response.json({ id: await object.insert(body.holder) });
    await object.remove(body.id);
    return new Response(null, { status: 204 });
  },
};
