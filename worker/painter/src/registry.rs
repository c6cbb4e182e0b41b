//! The list of asset kinds and methods that a painter knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use impasto_types::{AssetKind, Method as MethodName};

use crate::adapter::{MaterialAdapter, ModelAdapter, PictureAdapter, UdimAdapter};
use crate::method::{ArbitraryMethod, FeedForwardMethod, OptimizeMethod};
use crate::{Adapter, Method};

/// Adapters by kind of asset, and implementations of methods. The default has all of this crate's;
/// other crates add their own.
#[derive(Debug, Clone)]
pub struct Registry {
    adapters: BTreeMap<AssetKind, Arc<dyn Adapter>>,
    methods: BTreeMap<MethodName, Arc<dyn Method>>,
}

impl Default for Registry {
    fn default() -> Self {
        // Synthesis is optimisation from noise, so the two share weights.
        let optimize = Arc::new(OptimizeMethod::default());
        Self { adapters: BTreeMap::new(), methods: BTreeMap::new() }
            .with_adapter(AssetKind::picture(), Arc::new(PictureAdapter::of_grids()))
            .with_adapter(AssetKind::material(), Arc::new(MaterialAdapter::default()))
            .with_adapter(AssetKind::udim(), Arc::new(UdimAdapter))
            .with_adapter(AssetKind::model(), Arc::new(ModelAdapter::default()))
            .with_adapter(AssetKind::cube(), Arc::new(ModelAdapter::default()))
            .with_adapter(AssetKind::array(), Arc::new(ModelAdapter::default()))
            .with_adapter(AssetKind::photograph(), Arc::new(PictureAdapter::of_photographs()))
            .with_method(MethodName::Optimize, optimize.clone())
            .with_method(MethodName::Synthesize, optimize)
            .with_method(MethodName::Arbitrary, Arc::new(ArbitraryMethod::default()))
            .with_method(MethodName::FeedForward, Arc::new(FeedForwardMethod::default()))
    }
}

impl Registry {
    /// Opens assets of `kind` with `adapter`, and replaces the previous adapter if there was one.
    #[must_use]
    pub fn with_adapter(mut self, kind: AssetKind, adapter: Arc<dyn Adapter>) -> Self {
        self.adapters.insert(kind, adapter);
        self
    }

    /// Runs recipes of `name` with `method`, and replaces the previous method if there was one.
    #[must_use]
    pub fn with_method(mut self, name: MethodName, method: Arc<dyn Method>) -> Self {
        self.methods.insert(name, method);
        self
    }

    pub fn adapter(&self, kind: &AssetKind) -> Option<&dyn Adapter> {
        self.adapters.get(kind).map(|adapter| &**adapter)
    }

    pub fn method(&self, name: MethodName) -> Option<&dyn Method> {
        self.methods.get(&name).map(|method| &**method)
    }
}
