import type { ContentfulStatusCode } from "hono/utils/http-status";

const NAMES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  413: "Payload Too Large",
  429: "Too Many Requests",
  500: "Internal Server Error",
};

/** A refusal of the Management API: `{statusCode, error, message, errorCode}`. */
export class ManagementApiError extends Error {
  override readonly name = "ManagementApiError";
  readonly status: ContentfulStatusCode;
  readonly errorCode: string | undefined;

  constructor(status: number, message: string, errorCode?: string) {
    super(message);
    this.status = status as ContentfulStatusCode;
    this.errorCode = errorCode;
  }

  toBody(): object {
    return {
      statusCode: this.status,
      error: NAMES[this.status] ?? "Error",
      message: this.message,
      ...(this.errorCode !== undefined && { errorCode: this.errorCode }),
    };
  }
}
