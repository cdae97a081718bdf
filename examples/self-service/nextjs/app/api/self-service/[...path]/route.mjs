// Next.js, App Router: a route handler is a function from Request to Response already.
import { selfService } from "../../../../../handler.mjs";

const handler = selfService({ basePath: "/api/self-service" });

export const dynamic = "force-dynamic";
export { handler as GET, handler as POST, handler as PATCH, handler as DELETE };
