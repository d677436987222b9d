// The handlers, by topic (endpoints.cpp, policies.cpp, policy_status.cpp, views.cpp, explain.cpp, maps.cpp,
// metadata.cpp, status.cpp).
#pragma once

#include "daemon/api/routes.hpp"

namespace weft::api {

Result<Reply> add_endpoint(Context& context, const Call& call);
Result<Reply> list_endpoints(Context& context, const Call& call);
Result<Reply> get_endpoint(Context& context, const Call& call);
Result<Reply> delete_endpoint(Context& context, const Call& call);
Result<Reply> check_endpoint(Context& context, const Call& call);
Result<Reply> patch_labels(Context& context, const Call& call);
Result<Reply> collect_garbage(Context& context, const Call& call);

Result<Reply> apply_policies(Context& context, const Call& call);
Result<Reply> validate_policies(Context& context, const Call& call);
Result<Reply> list_policies(Context& context, const Call& call);
Result<Reply> policy_status(Context& context, const Call& call);
Result<Reply> get_policy(Context& context, const Call& call);
Result<Reply> delete_policy(Context& context, const Call& call);

Result<Reply> list_identities(Context& context, const Call& call);
Result<Reply> list_rules(Context& context, const Call& call);
Result<Reply> explain(Context& context, const Call& call);
Result<Reply> list_maps(Context& context, const Call& call);
Result<Reply> dump_map(Context& context, const Call& call);
Result<Reply> stream_metadata(Context& context, const Call& call);
Result<Reply> get_status(Context& context, const Call& call);
Result<Reply> get_health(Context& context, const Call& call);

}  // namespace weft::api
