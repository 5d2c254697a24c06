"""What docs/API_REFERENCE.md and its translation say around the operations; see api-reference.py."""

# By status: the codes that are told with it, and what to do. tests/operations/test_api_reference.py
# holds the codes against the source.
CODES = {
    400: "malformed_json invalid_query invalid_cursor invalid_path invalid_if_match invalid_idempotency_key invalid_session_mode "
         "body_incomplete malformed_request malformed_body duplicate_header bad_host path_refused",
    401: "token_required token_invalid token_expired token_stale session_ended invalid_credentials refresh_token_required "
         "refresh_token_invalid refresh_token_reused metrics_token_required internal_token_required",
    403: "permission_denied password_change_required tenant_required tenant_suspended account_disabled account_pending "
         "signup_closed owner_required csrf_token_invalid origin_not_allowed https_required registration_token_required "
         "wrong_service wrong_role reserved_name public_paths_not_allowed gateway_only internal_role metrics_closed origin_refused",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout body_timeout",
    409: "conflict email_taken slug_taken already_member last_owner last_operator own_account route_conflict idempotency_key_busy",
    412: "version_conflict",
    413: "body_too_large",
    414: "uri_too_long",
    415: "unsupported_media_type unsupported_encoding",
    422: "invalid_body weak_password wrong_password password_unchanged no_second_factor address_not_allowed reserved_route reserved_service "
         "idempotency_key_reused",
    429: "too_many_requests rate_limited too_many_invalid_tokens",
    431: "head_too_large",
    500: "internal",
    502: "upstream_failed",
    503: "trust_stale not_ready no_instance service_unknown service_inactive database_unavailable registry_starting "
         "sign_in_overloaded time_limit stopping",
    504: "upstream_timeout",
    508: "loop_detected",
}

MEANINGS = {
    "en": {
        400: "The request itself is wrong. Mend it; repeating it does not help.",
        401: "Nobody knows who is calling. `token_expired`, `token_stale`: get new tokens by refreshing. `session_ended`: sign in again. `refresh_token_reused`: somebody used the token twice, and the session is over.",
        403: "The caller is known and may not. `password_change_required`: the token opens `POST /api/core/v1/me/password` alone.",
        404: "No such thing, or not one the caller may know of: other tenants' things do not exist.",
        405: "The path is there, the method is not; `Allow` lists those that are.",
        408: "The request did not arrive in time.",
        409: "It clashes with what is there; the detail says with what.",
        412: "Somebody changed it since it was read. Read it again and repeat the change.",
        413: "The body is larger than the limit: 1 MiB at core and the registry, `MAX_UPLOAD_MIB` for other services.",
        414: "The address is longer than 8 KiB.",
        415: "Send `Content-Type: application/json`, not compressed.",
        422: "The body is JSON and says something impossible; `errors` names each field. Unknown fields are refused too.",
        429: "Too many requests. Wait as long as `Retry-After` says, in seconds.",
        431: "The head of the request is too large.",
        500: "A defect. `request_id` finds it in the log.",
        502: "The service broke off or could not be reached.",
        503: "Something is away for the moment. Wait as long as `Retry-After` says.",
        504: "The service did not answer in time.",
        508: "The request came back to the gateway again and again: an instance of the service is registered with a gateway's address.",
    },
    "zh-CN": {
        400: "请求本身有误。请改正；重试没有用。",
        401: "不知道是谁在调用。`token_expired`、`token_stale`：用刷新令牌换取新令牌。`session_ended`：重新登录。`refresh_token_reused`：有人第二次使用了该令牌，会话已结束。",
        403: "知道是谁，但不允许。`password_change_required`：该令牌只能用于 `POST /api/core/v1/me/password`。",
        404: "没有这样的对象，或调用者无权知道它：其他租户的对象等于不存在。",
        405: "路径存在，但没有这个方法；`Allow` 列出可用的方法。",
        408: "请求没有及时到达。",
        409: "与已有的内容冲突；`detail` 说明与什么冲突。",
        412: "读取之后有人改动过。请重新读取，再次修改。",
        413: "请求体超过上限：core 和 registry 为 1 MiB，其他服务为 `MAX_UPLOAD_MIB`。",
        414: "地址超过 8 KiB。",
        415: "请使用 `Content-Type: application/json`，不要压缩。",
        422: "请求体是 JSON，但内容不可能成立；`errors` 逐个指出字段。未知字段同样会被拒绝。",
        429: "请求过多。请等待 `Retry-After` 所说的秒数。",
        431: "请求头过大。",
        500: "程序缺陷。用 `request_id` 可在日志中找到它。",
        502: "服务中断了连接，或无法到达。",
        503: "某个部分暂时不可用。请等待 `Retry-After` 所说的秒数。",
        504: "服务没有及时应答。",
        508: "请求一再回到网关：该服务的某个实例注册了网关的地址。",
    },
}


def errors(language, head):
    lines = [head, "|---|---|---|"]
    for status, codes in CODES.items():
        named = ", ".join(f"`{code}`" for code in codes.split())
        lines.append(f'| <a id="error-{status}"></a>{status} | {MEANINGS[language][status]} | {named} |')
    return "\n".join(lines)


ENGLISH = """# API reference

[中文](zh-CN/API_REFERENCE.md)

<!-- Written by `make openapi` from docs/openapi; the words around it are in scripts/api_reference_words.py. -->

Every operation of the platform's own API. A running platform describes itself as well, always in its own version: `/api/core/docs` and `/api/registry/docs` are pages to try it out, `/api/core/openapi.json` and `/api/registry/openapi.json` what generators read (also in [openapi](openapi)).

- [All operations](#operations): start here
- [Addresses](#addresses), [authentication](#authentication), [errors](#errors), [lists](#lists), [repeating safely](#idempotency), [changing what others change too](#preconditions), [versions](#versions)
- [Core](#core) and [its objects](#core-objects): people, tenants, sessions, audit
- [Registry](#registry) and [its objects](#registry-objects): services, instances, routes

<a id="operations"></a>
## All operations

*Needs* is the permission that the access token has to carry, or what else is to be shown. [`GET /api/core/v1/permissions`](#core-list-permissions) explains every permission, [`GET /api/core/v1/roles`](#core-list-roles) which role carries which; operators of the platform have those that begin with `platform.`, `registry:` and `route:`.

@INDEX@

<a id="addresses"></a>
## Addresses

Everything is reached through the gateway: `https://api.example.com/api/{service}/{path}`, in development `http://127.0.0.1:8000/api/…`. So `/v1/me` of the service `core` is `/api/core/v1/me`. Your own services are reached in the same way, `/api/orders/v1/orders`. `/.well-known/…` leads to core directly. What begins with `/internal`, `/metrics` and `/health` of a service cannot be reached from outside; the gateway has a `/health` of its own.

Bodies are JSON in UTF-8 with names in `snake_case`. Times are UTC as in RFC 3339 (`2026-05-01T12:00:00Z`), identifiers are UUIDs. Every answer has `X-Request-Id`, and a `traceparent` that you send is carried on.

<a id="authentication"></a>
## Authentication

Sign in with [`POST /api/core/v1/auth/login`](#core-login), and send the access token with each request:

```sh
curl -s https://api.example.com/api/core/v1/auth/login -H 'Content-Type: application/json' \\
  -d '{"email":"you@example.com","password":"three green teapots"}'
curl -s https://api.example.com/api/core/v1/me -H 'Authorization: Bearer ACCESS_TOKEN'
```

- The access token is a JWT signed with Ed25519, for one tenant, valid for half an hour unless set otherwise (`expires_in`). [`/.well-known/jwks.json`](#core-jwks) has the keys.
- The refresh token gets new ones, [`POST /api/core/v1/auth/refresh`](#core-refresh). It works once; its second use ends the session.
- Another tenant: [`POST /api/core/v1/auth/switch-tenant`](#core-switch-tenant).
- Pages of the console ask for a cookie instead (`X-Saas-Session: cookie`). The refresh token then lies where no script can read it, and `csrf_token` of the last answer goes into `X-CSRF-Token` to refresh or sign out.
- An instance registers with a registration token, made by `saas token create --service NAME`, in the same header.

<a id="errors"></a>
## Errors

An error is `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)):

```json
{
  "type": "urn:saas:problem:version_conflict",
  "title": "Version conflict",
  "status": 412,
  "code": "version_conflict",
  "detail": "somebody changed this since you read it; read it again and repeat the change",
  "instance": "/v1/tenants/0199a0c2-…",
  "request_id": "0199a0c2-…"
}
```

Programs go by `code`, which never changes its meaning; there may be new ones. `title` and `detail` are for people. `errors` names what is wrong field by field, with a JSON Pointer.

@ERRORS@

<a id="lists"></a>
## Lists

A list is `{"items": […], "next_cursor": "…"}`. `limit` is 50 unless given, 200 at most. Ask again with `cursor` set to `next_cursor` until that is null; a cursor belongs to the same `sort` and filters. `sort` takes a field's name, with `-` before it for descending; a field that cannot be sorted by is refused with those that can.

<a id="idempotency"></a>
## Repeating safely

A `POST` that creates takes `Idempotency-Key`, 1 to 255 printable characters of your choice, such as a UUID. The same call with the same key within 24 hours creates nothing a second time and gets the first answer again. The same key with another body is 422.

<a id="preconditions"></a>
## Changing what others change too

The answer about a thing that can be changed has an `ETag`. Send it back as `If-Match`, and the change happens only if nobody was faster; otherwise it is 412. Without `If-Match` the last one wins.

<a id="versions"></a>
## Versions

`/v1` stays compatible: new operations, new fields in answers and new codes may come, and clients have to pass over what they do not know. What would break clients becomes `/v2` beside it. [CHANGELOG.md](../CHANGELOG.md) tells what came.
"""

CHINESE = """# API 参考

[English](../API_REFERENCE.md)

<!-- 由 `make openapi` 根据 docs/openapi 生成；其余文字在 scripts/api_reference_words.py 中。 -->

平台自身 API 的全部操作。各项操作、参数和字段的说明取自程序本身，因此是英文；其余文字是中文。运行中的平台也会描述自己，并且总与其版本一致：`/api/core/docs` 和 `/api/registry/docs` 是可以试用的页面，`/api/core/openapi.json` 和 `/api/registry/openapi.json` 供生成工具读取（也在 [openapi](../openapi) 中）。

- [全部操作](#operations)：从这里开始
- [地址](#addresses)、[认证](#authentication)、[错误](#errors)、[列表](#lists)、[安全地重试](#idempotency)、[修改他人也会修改的对象](#preconditions)、[版本](#versions)
- [core](#core) 及其[对象](#core-objects)：人员、租户、会话、审计
- [registry](#registry) 及其[对象](#registry-objects)：服务、实例、路由

<a id="operations"></a>
## 全部操作

*需要*一栏是访问令牌必须带有的权限，或需要出示的其他凭据。[`GET /api/core/v1/permissions`](#core-list-permissions) 说明每一项权限，[`GET /api/core/v1/roles`](#core-list-roles) 说明哪个角色带有哪些权限；以 `platform.`、`registry:` 和 `route:` 开头的权限属于平台管理员。

@INDEX@

<a id="addresses"></a>
## 地址

一切都经由网关访问：`https://api.example.com/api/{服务}/{路径}`，开发环境为 `http://127.0.0.1:8000/api/…`。因此 `core` 服务的 `/v1/me` 就是 `/api/core/v1/me`。您自己的服务以同样的方式访问：`/api/orders/v1/orders`。`/.well-known/…` 直接通向 core。各服务中以 `/internal`、`/metrics` 和 `/health` 开头的路径无法从外部访问；网关有自己的 `/health`。

请求体和应答都是 UTF-8 编码的 JSON，名称采用 `snake_case`。时间为 RFC 3339 格式的 UTC 时间（`2026-05-01T12:00:00Z`），标识符是 UUID。每个应答都有 `X-Request-Id`；您发送的 `traceparent` 会继续传递。

<a id="authentication"></a>
## 认证

用 [`POST /api/core/v1/auth/login`](#core-login) 登录，并在每个请求中发送访问令牌：

```sh
curl -s https://api.example.com/api/core/v1/auth/login -H 'Content-Type: application/json' \\
  -d '{"email":"you@example.com","password":"three green teapots"}'
curl -s https://api.example.com/api/core/v1/me -H 'Authorization: Bearer ACCESS_TOKEN'
```

- 访问令牌是以 Ed25519 签名的 JWT，只对一个租户有效，默认有效半小时（见 `expires_in`）。公钥在 [`/.well-known/jwks.json`](#core-jwks)。
- 刷新令牌用于换取新令牌：[`POST /api/core/v1/auth/refresh`](#core-refresh)。它只能使用一次；第二次使用会结束会话。
- 切换租户：[`POST /api/core/v1/auth/switch-tenant`](#core-switch-tenant)。
- 控制台的页面改用 Cookie（`X-Saas-Session: cookie`）：刷新令牌存放在脚本无法读取的地方；刷新和退出登录时，要把上一个应答中的 `csrf_token` 放入 `X-CSRF-Token`。
- 实例用注册令牌注册，令牌由 `saas token create --service NAME` 生成，放在同一个请求头中。

<a id="errors"></a>
## 错误

错误的格式是 `application/problem+json`（[RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)）：

```json
{
  "type": "urn:saas:problem:version_conflict",
  "title": "Version conflict",
  "status": 412,
  "code": "version_conflict",
  "detail": "somebody changed this since you read it; read it again and repeat the change",
  "instance": "/v1/tenants/0199a0c2-…",
  "request_id": "0199a0c2-…"
}
```

程序应以 `code` 为准，它的含义不会改变；以后可能出现新的代码。`title` 和 `detail` 供人阅读。`errors` 用 JSON Pointer 逐个指出有误的字段。

@ERRORS@

<a id="lists"></a>
## 列表

列表的形式是 `{"items": […], "next_cursor": "…"}`。`limit` 默认为 50，最多 200。把 `cursor` 设为 `next_cursor` 继续请求，直到它为 null；游标只适用于相同的 `sort` 和筛选条件。`sort` 是字段名，前面加 `-` 表示降序；不能用于排序的字段会被拒绝，并告知可用的字段。

<a id="idempotency"></a>
## 安全地重试

用于创建的 `POST` 接受 `Idempotency-Key`：由您选择的 1 到 255 个可打印字符，例如一个 UUID。24 小时内以相同的键重复同一调用，不会再次创建，而是得到第一次的应答。相同的键配上不同的请求体会得到 422。

<a id="preconditions"></a>
## 修改他人也会修改的对象

可修改对象的应答带有 `ETag`。把它作为 `If-Match` 发回，只有在没有别人抢先修改时才会生效，否则得到 412。没有 `If-Match` 时，以最后一次修改为准。

<a id="versions"></a>
## 版本

`/v1` 保持兼容：可能增加新的操作、应答中的新字段和新的错误代码，客户端应忽略不认识的内容。会破坏客户端的改动将成为并存的 `/v2`。[CHANGELOG.md](../../CHANGELOG.md) 记录了变化。
"""

WORDS = {
    "en": {
        "head": ENGLISH.replace("@ERRORS@", errors("en", "| status | meaning | codes |")),
        "core": "Core",
        "registry": "Registry",
        "index head": "| | path | what it does | needs |",
        "field head": "| field | type | always there | meaning |",
        "parameter head": "| parameter | in | type | required | meaning |",
        "path": "path", "query": "query", "header": "header",
        "body": "**Body** (`application/json`)",
        "optional": ", may be left out",
        "body head": "| field | type | required | meaning |",
        "answer": "**Answer**",
        "errors": "Errors: ",
        "needs": "Needs: ",
        "nothing": "nothing",
        "refresh token": "a refresh token, or the cookie",
        "signed in": "a signed-in person",
        "token or cookie": "a signed-in person, or the cookie",
        "internal token": "the platform's internal token",
        "registration token": "registration token",
        "not outside": " Not to be reached through the gateway.",
        "objects": "Objects of {}",
        "objects text": "What answers consist of. *Always there* says that the field is never left out; its value may still be null where the type says so.",
        "one of": "One of",
        "characters": "{} characters",
        "list of": "list of {}",
        "map of": "object of {}",
        "page of": "page of {}",
        "empty": "(empty)",
        "uuid": "UUID", "date-time": "time",
        "or": " or ", "yes": "yes", "stop": ".",
    },
    "zh-CN": {
        "head": CHINESE.replace("@ERRORS@", errors("zh-CN", "| 状态 | 含义 | 代码 |")),
        "core": "core：人员、租户、会话、审计",
        "registry": "registry：服务、实例、路由",
        "index head": "| | 路径 | 作用 | 需要 |",
        "field head": "| 字段 | 类型 | 始终存在 | 含义 |",
        "parameter head": "| 参数 | 位置 | 类型 | 必需 | 含义 |",
        "path": "路径", "query": "查询", "header": "请求头",
        "body": "**请求体**（`application/json`）",
        "optional": "，可以省略",
        "body head": "| 字段 | 类型 | 必需 | 含义 |",
        "answer": "**应答**",
        "errors": "错误：",
        "needs": "需要：",
        "nothing": "无",
        "refresh token": "刷新令牌，或 Cookie",
        "signed in": "已登录的人员",
        "token or cookie": "已登录的人员，或 Cookie",
        "internal token": "平台的内部令牌",
        "registration token": "注册令牌",
        "not outside": "无法经由网关访问。",
        "objects": "{} 的对象",
        "objects text": "应答由它们组成。*始终存在*表示该字段从不省略；如果类型允许，其值仍可能为 null。",
        "one of": "取值之一：",
        "characters": "{} 个字符",
        "list of": "{} 的列表",
        "map of": "值为 {} 的对象",
        "page of": "{} 的一页",
        "empty": "（空）",
        "uuid": "UUID", "date-time": "时间",
        "or": " 或 ", "yes": "是", "stop": "。",
    },
}
